namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>
/// One step of a boot. What it takes from the host is in the ledger before it is taken, and what it opens is held by
/// the sandbox at once: a step that fails undoes nothing itself.
/// </summary>
internal interface IBootStep
{
    /// <summary>Its name in the timeline and in errors.</summary>
    string Phase { get; }

    /// <summary>False if this boot has nothing for it to do; then it leaves no trace in the timeline.</summary>
    bool IsNeeded(BootContext boot) => true;

    /// <summary>Does it; what later steps need is left in the context.</summary>
    Task RunAsync(BootContext boot, CancellationToken ct);
}
