using System.Text.Json;
using System.Text.RegularExpressions;
using FluentAssertions;
using Kata.Adapters.Qemu;
using Kata.Adapters.Shimv2.Configuration;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Xunit;

namespace Kata.Tests.Architecture;

/// <summary>The configuration file that is shipped tells the truth about its keys.</summary>
public sealed partial class ConfigurationFileTests
{
    // Says what annotations may change, and which table counts: without them nothing of it is in the settings.
    private static readonly string[] OfOtherWork = ["hypervisor.qemu.enable_annotations", "runtime.hypervisor_name"];

    // An older spelling.
    private static readonly string[] OtherNames = ["seccomp_sandbox"];

    public static TheoryData<string> Keys => [.. ConfigurationFile.Shipped.Keys.Except(OfOtherWork)];

    [Theory]
    [MemberData(nameof(Keys))]
    public void Key_when_another_value_is_set_gives_other_settings(string key)
    {
        // The guest has one root, so an image takes the initrd's place.
        var file = key == "hypervisor.qemu.image"
            ? ConfigurationFile.Shipped.Without("hypervisor.qemu.initrd")
            : ConfigurationFile.Shipped;
        var shipped = Read(ConfigurationFile.Shipped.With("", ""));

        Others(file.ValueOf(key)).Select(value => Read(file.With(key, value))).Should().Contain(
            settings => settings != null && settings != shipped, $"{key} changes nothing");
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void Key_that_is_a_comment_shows_the_value_it_has(string key)
    {
        if (key == "hypervisor.qemu.image")
            return;
        var file = ConfigurationFile.Shipped;

        Read(file.With(key, file.ValueOf(key))).Should().Be(Read(file.With("", "")));
    }

    [Fact]
    public void Keys_that_are_read_are_all_in_the_file()
    {
        var read = Repository.Files("Adapters.Shimv2/Configuration", ".cs")
            .Concat(Repository.Files("Core.Application/Settings", ".cs"))
            .Concat(Repository.Files("Adapters.Qemu", "Section.cs"))
            .SelectMany(path => Reading().Matches(Repository.Read(path)))
            .Select(match => match.Groups[1].Value).Except(OtherNames).ToList();

        read.Should().HaveCountGreaterThan(30);
        read.Except(ConfigurationFile.Shipped.Keys.Select(key => key.Split('.')[^1])).Should().BeEmpty();
    }

    /// <summary>The settings of a text, as far as they are values; null if it is refused.</summary>
    private static string? Read(string text)
    {
        try
        {
            return JsonSerializer.Serialize<RuntimeSettings>(SettingsReader.Parse("shipped", text, [new QemuSection()]));
        }
        catch (KataException)
        {
            return null;
        }
    }

    private static string[] Others(string value) => value switch
    {
        "true" => ["false"],
        "false" => ["true"],
        "[]" => ["[\"--other\"]"],
        ['"', ..] => ["\"/other\"", "\"other\"", "\"tcg\"", "\"serial\"", "\"none\"", "\"never\"", "\"xfs\""],
        _ => ["2", "2048", "47"],
    };

    [GeneratedRegex(@"\.(?:Text|FilePath|Switch|Number|NumberRoundedUp|Seconds|Texts|Words|Choice)\(\s*""(\w+)""")]
    private static partial Regex Reading();
}
