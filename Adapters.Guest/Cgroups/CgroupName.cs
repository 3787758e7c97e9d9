using Kata.Core.Domain;

namespace Kata.Adapters.Guest.Cgroups;

/// <summary>Where a sandbox's cgroup is, relative to a hierarchy's root.</summary>
internal static class CgroupName
{
    /// <summary>
    /// The bundle's path with the last part prefixed, as upstream has it, so that operators find it. A systemd triple
    /// slice:prefix:name becomes the directories that systemd would use. A relative path is below /vc.
    /// </summary>
    public static string Derive(string cgroupsPath)
    {
        var triple = cgroupsPath.Split(':');
        if (triple.Length == 3)
            return $"{ExpandSlice(triple[0])}/{SandboxCgroup.Prefix}{Checked(triple[1])}-{Checked(triple[2])}.scope";

        var parts = cgroupsPath.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0)
            throw Invalid(cgroupsPath);
        foreach (var part in parts)
            Checked(part);
        var parent = string.Join('/', parts[..^1]);
        if (!cgroupsPath.StartsWith('/'))
            parent = $"vc/{parent}";
        return $"/{parent}/{SandboxCgroup.Prefix}{parts[^1]}".Replace("//", "/", StringComparison.Ordinal);
    }

    /// <summary>a-b-c.slice lies in a.slice/a-b.slice.</summary>
    private static string ExpandSlice(string slice)
    {
        const string suffix = ".slice";
        if (slice.Length == 0)
            return "/system.slice";
        if (!slice.EndsWith(suffix, StringComparison.Ordinal))
            throw Invalid(slice);
        var names = Checked(slice)[..^suffix.Length].Split('-');
        var path = "";
        for (var count = 1; count <= names.Length; count++)
            path += $"/{string.Join('-', names[..count])}{suffix}";
        return path;
    }

    private static string Checked(string part) =>
        part is "" or "." or ".." || part.AsSpan().IndexOfAny('/', '\0', '\n') >= 0 ? throw Invalid(part) : part;

    private static KataException Invalid(string path) =>
        new(ErrorKind.InvalidArgument, $"linux.cgroupsPath \"{path}\" is neither a path nor slice:prefix:name");
}
