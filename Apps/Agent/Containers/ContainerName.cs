using Kata.Apps.Agent.Sandboxes;

namespace Kata.Apps.Agent.Containers;

/// <summary>Which names a container may have: they become path segments and cgroup names.</summary>
internal static class ContainerName
{
    private const int MaximumLength = 128;

    public static bool IsValid(string id) =>
        id.Length is > 0 and <= MaximumLength
        && !AgentPaths.IsOurs(id)
        && char.IsAsciiLetterOrDigit(id[0])
        && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');
}
