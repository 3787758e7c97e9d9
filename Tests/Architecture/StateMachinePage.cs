using System.Text;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Tests.Architecture;

/// <summary>Prints docs/state-machines.md from the tables.</summary>
internal static class StateMachinePage
{
    public const string Path = "docs/state-machines.md";

    public static string Print()
    {
        var text = new StringBuilder();
        text.Append("""
            # State machines

            Printed from the tables in `Core.Domain`; a test fails if this page differs from them. What a table does not hold is
            refused with `FailedPrecondition` and a sentence that names id, state and trigger.

            """);
        Append(
            text, "Sandbox", "One virtual machine and what it holds on the host: `SandboxTransitions`.",
            SandboxTransitions.Table);
        Append(text, "Container", "`ContainerTransitions`.", ContainerTransitions.Table);
        Append(
            text, "Exec", "A further process of a container; the init follows its container: `ProcessTransitions`.",
            ProcessTransitions.Table);
        return text.ToString();
    }

    private static void Append<TState, TTrigger>(
        StringBuilder text, string title, string what, StateTable<TState, TTrigger> table)
        where TState : struct, Enum
        where TTrigger : struct, Enum
    {
        text.Append($"\n## {title}\n\n{what}\n\n```mermaid\nstateDiagram-v2\n    [*] --> {default(TState)}\n");
        foreach (var edge in table.Rows.GroupBy(row => (row.From, row.To)))
            text.Append(
                $"    {edge.Key.From} --> {edge.Key.To}: {string.Join(", ", edge.Select(row => row.Trigger))}\n");
        foreach (var end in Enum.GetValues<TState>().Where(state => table.Rows.All(row => !row.From.Equals(state)
            || row.To.Equals(state))))
            text.Append($"    {end} --> [*]\n");
        text.Append("```\n\n| From | Trigger | To |\n|---|---|---|\n");
        foreach (var (from, trigger, to) in table.Rows)
            text.Append($"| {from} | {trigger} | {to} |\n");
    }
}
