using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Files;

/// <summary>Lets a share follow the host's mounts, and reports what the guest has to release.</summary>
/// <param name="follow">
/// Makes the share like the host, and answers where something was taken away. Never at the same time as itself.
/// </param>
/// <param name="time">The clock.</param>
internal sealed class MountFollower(Func<CancellationToken, Task<IReadOnlyList<GuestPath>>> follow, TimeProvider time)
    : IAsyncDisposable
{
    /// <summary>Mounts come and go by the dozen as pods do.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(50);

    /// <summary>A guest trusts a name for a second (<c>virtio_fs_cache</c> "auto"); and some more.</summary>
    private static readonly TimeSpan GuestMemory = TimeSpan.FromMilliseconds(1100);

    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<(GuestPath Path, long At)> _gone = Channel.CreateUnbounded<(GuestPath, long)>();
    private Task? _completion;

    /// <summary>Begins, if it has not begun.</summary>
    public void Start() => _completion ??= RunAsync();

    /// <summary>
    /// Where something was taken away, each once a lookup in the guest would find that out. Ends when this is disposed
    /// of.
    /// </summary>
    public async IAsyncEnumerable<GuestPath> GoneAsync([EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var (path, at) in _gone.Reader.ReadAllAsync(ct))
        {
            var rest = GuestMemory - time.GetElapsedTime(at);
            if (rest > TimeSpan.Zero)
                await Task.Delay(rest, time, ct);
            yield return path;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_completion is not null)
            await _completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _gone.Writer.TryComplete();
    }

    private async Task RunAsync()
    {
        try
        {
            using var watch = new MountWatch();
            while (true)
            {
                var change = watch.ChangeAsync(_stop.Token).AsTask();
                foreach (var path in await follow(_stop.Token))
                    _gone.Writer.TryWrite((path, time.GetTimestamp()));
                await change;
                await Task.Delay(Settling, time, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }
}
