using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Containers;

/// <summary>
/// The network's kernel parameters. Containers have the guest's network, so these are set there, as the pod asked; crun
/// would refuse them to a container that has no network namespace of its own.
/// </summary>
internal static class NetworkSysctls
{
    private const string Prefix = "net";
    private static readonly char[] Separators = ['.', '/'];

    /// <summary>Sets them and takes them out of the spec; others stay for crun.</summary>
    public static void Apply(Oci.Linux linux, string root = "/proc/sys")
    {
        foreach (var (key, value) in linux.Sysctl.Where(pair => IsNetwork(pair.Key)).ToList())
        {
            try
            {
                File.WriteAllText(Path.Combine(root, PathOf(key)), value);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw AgentRefusals.Internal($"sysctl {key}: {e.Message}");
            }

            linux.Sysctl.Remove(key);
        }
    }

    private static bool IsNetwork(string key) => key.Split(Separators)[0] == Prefix && key.Length > Prefix.Length;

    /// <summary>
    /// A key is written with dots, or with slashes where a name has a dot in it; the first one tells.
    /// </summary>
    private static string PathOf(string key)
    {
        var path = key[key.IndexOfAny(Separators)] == '/'
            ? key
            : key.Replace('/', '\n').Replace('.', '/').Replace('\n', '.');
        return path.Split('/').Any(part => part is "" or "." or "..")
            ? throw AgentRefusals.Internal($"sysctl {key} is no name of a kernel parameter")
            : path;
    }
}
