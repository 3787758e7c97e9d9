using System.Globalization;
using System.Text;

namespace Kata.Adapters.Qemu.CommandLine;

/// <summary>
/// Builds <c>word,key=value,…</c> as QEMU's option parser reads it: a comma inside a value is doubled.
/// </summary>
internal sealed class OptionText
{
    private readonly StringBuilder _text = new();

    public OptionText(string first) => _text.Append(Escape(first));

    public OptionText Word(string word)
    {
        Separate();
        _text.Append(word);
        return this;
    }

    public OptionText Add(string key, string? value)
    {
        if (value is not null)
        {
            Separate();
            _text.Append(key).Append('=').Append(Escape(value));
        }
        return this;
    }

    public OptionText Add(string key, long value) => Add(key, value.ToString(CultureInfo.InvariantCulture));

    public OptionText Add(string key, bool value) => Add(key, value ? "on" : "off");

    public override string ToString() => _text.ToString();

    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    private void Separate()
    {
        if (_text.Length > 0)
            _text.Append(',');
    }
}
