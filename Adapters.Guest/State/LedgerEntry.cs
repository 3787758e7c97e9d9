using System.Text.Json.Serialization;

namespace Kata.Adapters.Guest.State;

/// <summary>The first line of every state file.</summary>
internal sealed record StateHeader(int Version, string BootId, string Namespace, string Daemon)
{
    /// <summary>The format written; older ones are read, newer ones refused.</summary>
    public const int Current = 1;
}

/// <summary>One line of a ledger: something taken, or given back.</summary>
internal sealed record LedgerEntry(string Kind, string Name)
{
    public bool Released { get; init; }

    public string? Owner { get; init; }

    public int Pid { get; init; }

    public ulong StartTime { get; init; }
}

/// <summary>One line of a timeline: milliseconds since the creation of its container began.</summary>
internal sealed record TimelineEntry(string Phase, string Event, double Ms)
{
    public string? Container { get; init; }
}

/// <summary>The snapshot file.</summary>
internal sealed record SnapshotFile(
    StateHeader Header, string Sandbox, string State, int VmmPid, string Hypervisor, string Choices,
    IReadOnlyList<string> Containers);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(StateHeader))]
[JsonSerializable(typeof(LedgerEntry))]
[JsonSerializable(typeof(TimelineEntry))]
[JsonSerializable(typeof(SnapshotFile))]
internal sealed partial class StateJson : JsonSerializerContext;
