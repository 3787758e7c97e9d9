"""One observation is one line, `name: outcome`: what a call gave, or the name of the error that it met."""
import errno
import os


def line_of(exception):
    trace = exception.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    return trace.tb_lineno


def outcome(action):
    try:
        seen = action()
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno))
    except Exception as e:  # An observation that breaks must not hide those after it.
        return f'{type(e).__name__} {line_of(e)}'
    return 'ok' if seen is None else str(seen).replace('\n', ' ')


def see(name, action):
    print(f'{name}: {outcome(action)}', flush=True)


def figure(name, value, unit):
    """What was measured: told, never compared."""
    print(f'= {name}: {value:.4g} {unit}', flush=True)


def in_child(action, uid=None, gid=None, groups=()):
    """The outcome of an action in a process of its own, of another user if one is named."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            if uid is not None:
                os.setgroups(groups)
                os.setresgid(gid, gid, gid)
                os.setresuid(uid, uid, uid)
            os.write(writer, outcome(action).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        seen = answer.read()
    _, status = os.waitpid(pid, 0)
    return seen or f'killed by {os.WTERMSIG(status)}'
