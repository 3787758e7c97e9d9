using MediatR;

namespace Kata.Core.Domain;

/// <summary>Something that has happened to a sandbox, a container or a process.</summary>
public interface IDomainEvent : INotification;
