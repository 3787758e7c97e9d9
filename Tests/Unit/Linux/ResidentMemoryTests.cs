using System.Globalization;
using System.Runtime.InteropServices;
using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

[Collection("kernel")]
public class ResidentMemoryTests
{
    // Of the C library's package, and used by debuggers alone.
    private const string Library = "libthread_db.so.1";

    [Fact]
    public void Release_lets_go_of_code_and_keeps_what_was_written()
    {
        var library = NativeLibrary.Load(Library);
        var before = Mappings();
        before.Where(mapping => mapping.Rights == "r-xp").Sum(mapping => mapping.Resident).Should().BePositive();
        var relocated = before.Single(mapping => mapping is { Rights: "r--p", Written: > 0 });

        ResidentMemory.Release();

        var after = Mappings();
        after.Where(mapping => mapping.Rights == "r-xp").Sum(mapping => mapping.Resident).Should().Be(0);
        after.Single(mapping => mapping.Start == relocated.Start).Written.Should().Be(relocated.Written);
        NativeLibrary.GetExport(library, "td_init").Should().NotBe(0, "what is needed again is mapped again");
        NativeLibrary.Free(library);
    }

    private static List<(string Start, string Rights, int Resident, int Written)> Mappings()
    {
        var mappings = new List<(string Start, string Rights, int Resident, int Written)>();
        var isOurs = false;
        foreach (var line in File.ReadLines("/proc/self/smaps"))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (!words[0].EndsWith(':'))
            {
                isOurs = line.EndsWith(Library, StringComparison.Ordinal);
                if (isOurs)
                    mappings.Add((words[0].Split('-')[0], words[1], 0, 0));
            }
            else if (isOurs && words[0] == "Rss:")
            {
                mappings[^1] = mappings[^1] with { Resident = int.Parse(words[1], CultureInfo.InvariantCulture) };
            }
            else if (isOurs && words[0] == "Anonymous:")
            {
                mappings[^1] = mappings[^1] with { Written = int.Parse(words[1], CultureInfo.InvariantCulture) };
            }
        }

        return mappings;
    }
}
