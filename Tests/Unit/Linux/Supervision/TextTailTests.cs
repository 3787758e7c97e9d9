using System.Text;
using CsCheck;
using FluentAssertions;
using Kata.Platform.Linux.Supervision;
using Xunit;

namespace Kata.Tests.Unit.Linux.Supervision;

public sealed class TextTailTests
{
    [Fact]
    public void Lines_when_more_come_than_are_kept_are_the_last()
    {
        var tail = new TextTail(maxLines: 3);

        for (var i = 0; i < 10; i++)
            tail.Append(Encoding.UTF8.GetBytes($"line {i}\r\n"));

        tail.Lines.Should().Equal("line 7", "line 8", "line 9");
    }

    [Fact]
    public void Lines_when_the_last_is_unfinished_hold_it()
    {
        var tail = new TextTail();

        tail.Append("Kernel pa"u8);
        tail.Append("nic"u8);

        tail.Lines.Should().Equal("Kernel panic");
    }

    [Fact]
    public void Append_when_given_anything_stays_within_its_bounds() =>
        Gen.Byte.Array[0, 300].List[0, 60].Sample(pieces =>
        {
            var tail = new TextTail(maxBytes: 1024, maxLines: 5);
            foreach (var piece in pieces)
                tail.Append(piece);
            return tail.Lines.Count <= 5 && tail.Lines.Sum(l => l.Length) <= 1024
                && !tail.Lines.Any(l => l.Any(char.IsControl));
        });
}
