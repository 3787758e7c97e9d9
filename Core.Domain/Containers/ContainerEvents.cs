using Kata.Core.Domain.Storage;

namespace Kata.Core.Domain.Containers;

/// <summary>Prepared in the guest; its process has not run.</summary>
public sealed record ContainerCreated(
    ContainerId Container, HostPath Bundle, IReadOnlyList<MountSpec> Rootfs, Stdio Stdio, int Pid) : IDomainEvent;

/// <summary>Its init runs.</summary>
public sealed record ContainerStarted(ContainerId Container, int Pid) : IDomainEvent;

/// <summary>Its processes are frozen.</summary>
public sealed record ContainerPaused(ContainerId Container) : IDomainEvent;

/// <summary>Its processes run again.</summary>
public sealed record ContainerResumed(ContainerId Container) : IDomainEvent;

/// <summary>The guest's kernel killed a process of it for lack of memory.</summary>
public sealed record ContainerOutOfMemory(ContainerId Container) : IDomainEvent;

/// <summary>Gone.</summary>
public sealed record ContainerDeleted(ContainerId Container, int Pid, ExitStatus Exit) : IDomainEvent;

/// <summary>An exec is registered.</summary>
public sealed record ExecAdded(ProcessRef Process) : IDomainEvent;

/// <summary>An exec runs.</summary>
public sealed record ExecStarted(ProcessRef Process, int Pid) : IDomainEvent;

/// <summary>A process has ended. An init's is the last of its container.</summary>
public sealed record ProcessExited(ProcessRef Process, int Pid, ExitStatus Exit) : IDomainEvent;

/// <summary>An exec is gone.</summary>
public sealed record ExecDeleted(ProcessRef Process) : IDomainEvent;
