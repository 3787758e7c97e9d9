namespace Kata.Adapters.Shimv2.Configuration;

/// <summary>Texts of several words.</summary>
internal static class SettingsWords
{
    /// <summary>
    /// Words at blanks; quotation marks keep blanks together and stay, for the kernel reads them too.
    /// </summary>
    public static List<string> Split(string text)
    {
        var words = new List<string>();
        var start = -1;
        var quoted = false;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || (!quoted && char.IsWhiteSpace(text[i])))
            {
                if (start >= 0)
                    words.Add(text[start..i]);
                start = -1;
                continue;
            }

            if (text[i] == '"')
                quoted = !quoted;
            if (start < 0)
                start = i;
        }

        return words;
    }
}
