using System.Globalization;

namespace Kata.Apps.Agent.Storage;

/// <summary>
/// The guest's huge pages: each volume of them adds its own to the kernel's pool, for the life of the machine.
/// </summary>
internal sealed class HugePages(string pools = "/sys/kernel/mm/hugepages")
{
    /// <summary>Adds the pages for a volume.</summary>
    /// <exception cref="FormatException">The options do not say of which size and how many.</exception>
    /// <exception cref="IOException">The guest has too little memory in one piece, or has no pages of this
    /// size.</exception>
    public void Reserve(IReadOnlyCollection<string> options)
    {
        var (pool, count) = Wanted(options);
        var before = Read(pool);
        Write(pool, before + count);
        var got = Read(pool);
        if (got != before + count)
        {
            Write(pool, before);
            throw new IOException(
                $"{count} huge pages are wanted in {pool}, the guest has memory for {got - Math.Min(got, before)}");
        }
    }

    /// <summary>Takes the pages of a volume away that could not be mounted.</summary>
    public void Release(IReadOnlyCollection<string> options)
    {
        var (pool, count) = Wanted(options);
        var now = Read(pool);
        Write(pool, now - Math.Min(now, count));
    }

    private (string Pool, ulong Count) Wanted(IReadOnlyCollection<string> options)
    {
        var pageSize = StorageOptions.Number(options, "pagesize") ?? 0;
        if (pageSize == 0 || StorageOptions.Number(options, "size") is not { } size)
        {
            throw new FormatException("huge pages need pagesize= and size= in bytes");
        }

        return (
            $"{pools}/hugepages-{(pageSize / 1024).ToString(CultureInfo.InvariantCulture)}kB/nr_hugepages",
            size / pageSize);
    }

    private static ulong Read(string pool) => ulong.Parse(File.ReadAllText(pool), CultureInfo.InvariantCulture);

    private static void Write(string pool, ulong count) =>
        File.WriteAllText(pool, count.ToString(CultureInfo.InvariantCulture));
}
