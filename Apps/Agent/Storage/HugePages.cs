using System.Globalization;

namespace Kata.Apps.Agent.Storage;

/// <summary>The guest's huge pages: each volume of them adds its own to the kernel's pool and takes them away with it.</summary>
internal sealed class HugePages(string pools = "/sys/kernel/mm/hugepages")
{
    private readonly Dictionary<string, (string Pool, ulong Count)> _reserved = [];

    /// <summary>Adds the pages for a volume.</summary>
    /// <exception cref="FormatException">The options do not say of which size and how many.</exception>
    /// <exception cref="IOException">The guest has too little memory in one piece, or has no pages of this size.</exception>
    public void Reserve(string mountPoint, IReadOnlyCollection<string> options)
    {
        var pageSize = StorageOptions.Number(options, "pagesize") ?? 0;
        var size = StorageOptions.Number(options, "size");
        if (pageSize == 0 || size is null)
        {
            throw new FormatException("huge pages need pagesize= and size= in bytes");
        }

        var pool = $"{pools}/hugepages-{(pageSize / 1024).ToString(CultureInfo.InvariantCulture)}kB/nr_hugepages";
        var before = Read(pool);
        var count = size.Value / pageSize;
        Write(pool, before + count);
        var got = Read(pool);
        if (got != before + count)
        {
            Write(pool, before);
            throw new IOException($"{count} huge pages of {pageSize} bytes are wanted, the guest has memory for {got - Math.Min(got, before)}");
        }

        _reserved[mountPoint] = (pool, count);
    }

    /// <summary>Takes a volume's pages away; those that are still used go when they are free.</summary>
    public void Release(string mountPoint)
    {
        if (_reserved.Remove(mountPoint, out var reserved))
        {
            var now = Read(reserved.Pool);
            Write(reserved.Pool, now - Math.Min(now, reserved.Count));
        }
    }

    private static ulong Read(string pool) => ulong.Parse(File.ReadAllText(pool), CultureInfo.InvariantCulture);

    private static void Write(string pool, ulong count) => File.WriteAllText(pool, count.ToString(CultureInfo.InvariantCulture));
}
