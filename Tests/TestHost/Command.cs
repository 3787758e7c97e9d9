using System.Text;

namespace Kata.Tests.TestHost;

/// <summary>What a finished command left.</summary>
public sealed record CommandResult(string Line, int ExitCode, byte[] StdoutBytes, string Stderr, TimeSpan Took)
{
    public string Stdout => Encoding.UTF8.GetString(StdoutBytes);

    /// <summary>Throws with everything that was printed unless the exit code is the one given.</summary>
    public CommandResult Exited(int code)
    {
        if (ExitCode != code)
            throw new InvalidOperationException(
                $"`{Line}` exited {ExitCode} instead of {code} after {Took.TotalSeconds:0.0} s; stdout: '{Stdout}'; stderr: '{Stderr}'");
        return this;
    }
}

/// <summary>Runs a command to its end.</summary>
public static class Command
{
    private static readonly TimeSpan DefaultLimit = TimeSpan.FromMinutes(1);

    public static async Task<CommandResult> RunAsync(
        string program,
        IEnumerable<string> arguments,
        ReadOnlyMemory<byte> input = default,
        TimeSpan? limit = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        await using var command = RunningCommand.Start(program, arguments, environment);
        var feeding = FeedAsync(command, input);
        var result = await command.ExitAsync(limit ?? DefaultLimit);
        await feeding;
        return result;
    }

    private static async Task FeedAsync(RunningCommand command, ReadOnlyMemory<byte> input)
    {
        try
        {
            if (!input.IsEmpty)
                await command.WriteAsync(input);
        }
        catch (IOException)
        {
            // A command may end without having read all of its input.
        }

        command.CloseInput();
    }
}
