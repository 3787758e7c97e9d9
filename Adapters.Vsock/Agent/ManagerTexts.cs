using Kata.Platform.Linux.Supervision;

namespace Kata.Adapters.Vsock.Agent;

/// <summary>
/// The words by which container managers tell why a process cannot be made: Docker takes its exit status from them, in
/// small letters (127 for a command that is not there, 126 for one that may not be executed). The guest says the same
/// in words of its own: ours by crun, which has the kernel's, upstream's by its agent.
/// </summary>
internal static class ManagerTexts
{
    private const string NotFound = "executable file not found in $PATH";
    private const string NotAllowed = "permission denied";
    private const string Missing = "no such file or directory";

    // The guest's words, without regard to case, and the managers'; the first row that fits counts.
    private static readonly (string Guest, string Manager)[] Table =
    [
        // crun 1.8 and later; the empty name in 1.8 and in 1.21; then upstream's agent, which puts the file's name in
        // the middle.
        ("not found in $PATH", NotFound),
        ("executable path is empty", NotFound),
        ("cannot find `` in $PATH", NotFound),
        ("was not found", NotFound),
        // crun of a folder or of anything else that is no file, which 1.8 does not name; 1.21 says so of any file
        // without the right as well, with an error number that is not the kernel's.
        ("open executable: Operation not permitted", NotAllowed),
        ("exists but it is not executable", NotAllowed),
        ("is not a regular file", NotAllowed),
        ("EACCES", NotAllowed),
        ("EISDIR", "is a directory"),
        ("ENOTDIR", "not a directory"),
        ("ENOENT", Missing),
        // What the kernel's errors are called in C, for whatever they are about: a sysctl, a mount, a working
        // directory.
        ("Permission denied", NotAllowed),
        ("Is a directory", "is a directory"),
        ("Not a directory", "not a directory"),
        ("No such file or directory", Missing),
    ];

    // Of these the process's own file is what it is about; the others name what they are about.
    private static readonly string[] AboutTheFile =
    [
        "open executable", "executable file", "exec container process", "executable path is empty",
        "exists but it is not executable",
        "is not a regular file",
    ];

    /// <summary>
    /// What to put before the guest's sentence of a process that could not be made; empty if the sentence says nothing
    /// that managers know.
    /// </summary>
    /// <param name="sentence">The guest's.</param>
    /// <param name="program">The first word of the process's command.</param>
    public static string Of(string sentence, string program)
    {
        foreach (var (guest, manager) in Table)
        {
            if (!sentence.Contains(guest, StringComparison.OrdinalIgnoreCase))
                continue;
            var isAboutFile = manager == NotFound
                || AboutTheFile.Any(words => sentence.Contains(words, StringComparison.OrdinalIgnoreCase));
            return isAboutFile ? $"exec: {UntrustedText.Quote(program)}: {manager}: " : $"{manager}: ";
        }

        return "";
    }
}
