namespace Kata.Core.Domain.Storage;

/// <summary>A mount to be made on the host, in fstab words, as a container manager gives it.</summary>
public sealed record MountSpec(string Type, string Source, string Target, IReadOnlyList<string> Options);
