using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;

namespace Kata.Tests.EndToEnd.Host;

/// <summary>Holds the host's picture from before and demands the same one afterwards.</summary>
internal sealed class HostUnchanged
{
    // containerd's own limit for the clean-up after a runtime: what is gone by then is gone in time.
    private static readonly TimeSpan CleanUpLimit = TimeSpan.FromSeconds(5);

    private readonly PrivateContainerd _host;
    private readonly HostPicture _before;

    public HostUnchanged(PrivateContainerd host)
    {
        _host = host;
        _before = HostPicture.Take(host);
    }

    public IReadOnlyList<string> Difference() => HostPicture.Take(_host).DifferenceFrom(_before);

    /// <summary>
    /// Waits a short while for the host to be as before; else keeps what helps to see why, and throws.
    /// </summary>
    public async Task AssertAsync(string subject)
    {
        IReadOnlyList<string> difference = [];
        try
        {
            await Until.TrueAsync(() => (difference = Difference()).Count == 0, CleanUpLimit, () => "");
        }
        catch (TimeoutException)
        {
            var kept = Keep(subject);
            // A test that broke off leaves its containers; what they hold is not what the runtime left.
            var tasks = (await _host.CtrAsync("task", "list", "-q"))
                .Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            await TidyAsync();
            if (tasks.Length > 0)
                throw new InvalidOperationException(
                    $"{subject} left containers: {string.Join(", ", tasks)}; logs in {kept}");
            throw new InvalidOperationException(
                $"{subject} left the host changed:\n{string.Join('\n', difference)}\nlogs in {kept}");
        }
    }

    /// <summary>Copies the daemon's log and every sandbox's state and console away.</summary>
    public string Keep(string subject)
    {
        var name = string.Concat(subject.Select(c => char.IsLetterOrDigit(c) ? c : '-'));
        var target = Path.Combine(TestSettings.LogDirectory, $"{_host.Namespace}-{name}");
        Directory.CreateDirectory(target);
        File.WriteAllText(Path.Combine(target, "containerd.log"), _host.Log());
        var sandboxes = _host.Seen("/run/vc");
        if (Directory.Exists(sandboxes))
            _ = RunningCommand.Start("cp", ["-r", "--no-dereference", sandboxes, target])
                .ExitAsync(TimeSpan.FromSeconds(10))
                .ContinueWith(_ => { }, TaskScheduler.Default).Wait(TimeSpan.FromSeconds(10));
        return target;
    }

    // One test's leftovers must not fail the next ones too.
    private async Task TidyAsync()
    {
        foreach (var line in (await _host.CtrAsync("containers", "list", "-q")).Stdout.Split('\n',
            StringSplitOptions.RemoveEmptyEntries))
        {
            await _host.CtrAsync("task", "delete", "--force", line);
            await _host.CtrAsync("containers", "delete", line);
        }

        foreach (var process in Difference().Where(d => d.StartsWith("+ process ", StringComparison.Ordinal)))
            await Command.RunAsync("kill", ["-KILL", process.Split(' ')[2]]);
        foreach (var mount in Difference().Where(d => d.StartsWith("+ mount ", StringComparison.Ordinal)))
            await _host.InsideAsync("busybox", "umount", "-l", mount.Split(' ')[2]);
        foreach (var path in Difference().Where(d => d.StartsWith("+ path /run/", StringComparison.Ordinal)))
            await _host.InsideAsync("rm", "-rf", "--one-file-system", path["+ path ".Length..]);
        HostPicture.RemoveCgroups(_host.Mark);
    }
}
