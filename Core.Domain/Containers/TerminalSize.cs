namespace Kata.Core.Domain.Containers;

/// <summary>Size of a terminal in character cells.</summary>
public readonly record struct TerminalSize(uint Columns, uint Rows);
