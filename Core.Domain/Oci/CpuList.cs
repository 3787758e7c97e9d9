using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Kata.Core.Domain.Oci;

/// <summary>A set of CPU or node numbers, in the kernel's list form such as <c>0-3,8</c>.</summary>
public sealed class CpuList : IEquatable<CpuList>
{
    // More than any kernel is built for; bounds what a hostile list can cost.
    private const int Most = 8192;

    private readonly ImmutableSortedSet<int> _numbers;

    private CpuList(ImmutableSortedSet<int> numbers) => _numbers = numbers;

    /// <summary>None.</summary>
    public static CpuList Empty { get; } = new([]);

    /// <summary>How many.</summary>
    public int Count => _numbers.Count;

    /// <summary>The highest; -1 for none.</summary>
    public int Highest => _numbers.Count > 0 ? _numbers.Max : -1;

    /// <summary>The lowest; -1 for none.</summary>
    public int Lowest => _numbers.Count > 0 ? _numbers.Min : -1;

    /// <summary>These numbers, of which none is negative.</summary>
    public static CpuList Of(IEnumerable<int> numbers) => new([.. numbers]);

    /// <summary>It is one of them.</summary>
    public bool Contains(int number) => _numbers.Contains(number);

    /// <summary>Reads a list; null or empty gives none. False if it is not one.</summary>
    public static bool TryParse(string? text, out CpuList list)
    {
        list = Empty;
        if (string.IsNullOrWhiteSpace(text))
            return true;
        var numbers = ImmutableSortedSet.CreateBuilder<int>();
        foreach (var range in text.Trim().Split(','))
        {
            var ends = range.Split('-');
            if (ends.Length > 2 || !TryNumber(ends[0], out var first) || !TryNumber(ends[^1], out var last)
                || last < first)
                return false;
            for (var number = first; number <= last; number++)
                numbers.Add(number);
        }

        list = new CpuList(numbers.ToImmutable());
        return true;
    }

    /// <summary>What is in either.</summary>
    public CpuList Union(CpuList other) => new(_numbers.Union(other._numbers));

    /// <inheritdoc/>
    public bool Equals(CpuList? other) => other is not null && _numbers.SetEquals(other._numbers);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CpuList);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Count, Highest);

    /// <summary>The list in its shortest form.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        for (var index = 0; index < _numbers.Count; index++)
        {
            var first = _numbers[index];
            while (index + 1 < _numbers.Count && _numbers[index + 1] == _numbers[index] + 1)
                index++;
            if (text.Length > 0)
                text.Append(',');
            text.Append(CultureInfo.InvariantCulture, $"{first}");
            if (_numbers[index] > first)
                text.Append(CultureInfo.InvariantCulture, $"-{_numbers[index]}");
        }

        return text.ToString();
    }

    private static bool TryNumber(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number < Most;
}
