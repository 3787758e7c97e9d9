namespace Kata.Platform.Linux;

/// <summary>A program that outlives whoever starts it.</summary>
public static class DetachedProcess
{
    /// <summary>
    /// Starts it and answers its pid. Nobody watches or reaps it, and no thread is made for it: for a process that is
    /// about to end, which leaves it to init.
    /// </summary>
    public static int Start(SpawnRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.Placement is null
            ? PosixSpawn.Start(request)
            : throw new ArgumentException("a placement needs a starter that stays", nameof(request));
    }
}
