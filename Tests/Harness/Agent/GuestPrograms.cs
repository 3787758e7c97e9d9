using System.Text;
using Kata.Core.Domain.Containers;

namespace Kata.Tests.Harness.Agent;

/// <summary>
/// What the guest's programs do, by the first word of their arguments; an unknown one cannot be started.
/// </summary>
public sealed class GuestPrograms
{
    private readonly Dictionary<string, Func<GuestProcess, Task<int>>> _programs = new()
    {
        ["true"] = _ => Task.FromResult(0),
        ["false"] = _ => Task.FromResult(1),
        ["sleep"] = async process =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, process.Killed);
            return 0;
        },
        ["cat"] = async process =>
        {
            var buffer = new byte[4096];
            while (await process.ReadAsync(buffer) is > 0 and var count)
                await process.WriteAsync(GuestStream.Stdout, buffer.AsMemory(0, count));
            return 0;
        },
        ["hello"] = async process =>
        {
            await process.PrintAsync("hello\n");
            await process.WriteAsync(GuestStream.Stderr, Encoding.UTF8.GetBytes("oops\n"));
            return 3;
        },
    };

    /// <summary>A program by its name.</summary>
    public Func<GuestProcess, Task<int>>? this[string name]
    {
        get => _programs.GetValueOrDefault(name);
        set => _programs[name] = value ?? throw new ArgumentNullException(nameof(value));
    }
}
