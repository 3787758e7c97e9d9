using System.Globalization;

namespace Kata.Tests.Benchmarks.Reporting;

/// <summary>Measurements of one thing.</summary>
internal sealed class Samples(string unit, string format = "0.0")
{
    private readonly List<double> _values = [];

    /// <summary>How many there are.</summary>
    public int Count => _values.Count;

    /// <summary>The middle one; of two, their mean.</summary>
    public double Median
    {
        get
        {
            var sorted = _values.Order().ToList();
            var middle = sorted.Count / 2;
            return sorted.Count == 0
                ? double.NaN
                : sorted.Count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        }
    }

    /// <summary>Adds one.</summary>
    public void Add(double value) => _values.Add(value);

    /// <summary>Median with its spread.</summary>
    public override string ToString() => _values.Count switch
    {
        0 => "none",
        1 => $"{Text(_values[0])} {unit}",
        _ => $"{Text(Median)} {unit} ({Text(_values.Min())}..{Text(_values.Max())}, n={_values.Count})",
    };

    private string Text(double value) => value.ToString(format, CultureInfo.InvariantCulture);
}
