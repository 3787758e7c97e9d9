namespace Kata.Adapters.Shimv2.Configuration;

/// <summary>How many letters must be added, taken away or changed to make one word of another.</summary>
internal static class EditDistance
{
    /// <summary>The word of fewest changes; the first of equals.</summary>
    public static string Nearest(string word, IEnumerable<string> words) =>
        words.MinBy(candidate => Between(word, candidate)) ?? "";

    public static int Between(string one, string other)
    {
        var row = new int[other.Length + 1];
        for (var column = 0; column < row.Length; column++)
            row[column] = column;
        for (var line = 1; line <= one.Length; line++)
        {
            var diagonal = row[0];
            row[0] = line;
            for (var column = 1; column < row.Length; column++)
            {
                var changed = diagonal + (one[line - 1] == other[column - 1] ? 0 : 1);
                diagonal = row[column];
                row[column] = Math.Min(changed, Math.Min(row[column], row[column - 1]) + 1);
            }
        }

        return row[^1];
    }
}
