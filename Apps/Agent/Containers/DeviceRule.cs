namespace Kata.Apps.Agent.Containers;

/// <summary>One entry of the device filter; no number means any.</summary>
internal sealed record DeviceRule(bool Allow, string Type, long? Major, long? Minor, string Access);
