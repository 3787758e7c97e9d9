namespace Kata.Core.Domain.Sandboxes;

/// <summary>The guest agent answers; containers can be created.</summary>
public sealed record SandboxStarted(SandboxId Sandbox) : IDomainEvent;

/// <summary>Everything has been given back.</summary>
public sealed record SandboxStopped(SandboxId Sandbox) : IDomainEvent;

/// <summary>The machine ended although nobody had asked for it.</summary>
public sealed record SandboxLost(SandboxId Sandbox) : IDomainEvent;

/// <summary>The boot failed, or something could not be given back.</summary>
public sealed record SandboxBroken(SandboxId Sandbox) : IDomainEvent;
