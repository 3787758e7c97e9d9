namespace Kata.Core.Domain.Sandboxes;

/// <summary>Every refusal and failure of a sandbox.</summary>
public static class SandboxErrors
{
    /// <summary>The table does not hold this transition.</summary>
    public static KataException Refused(SandboxId id, SandboxState state, SandboxTrigger trigger) =>
        new(ErrorKind.FailedPrecondition, $"sandbox {id} is {state}, which allows no {trigger}");

    /// <summary>Somebody else holds this id.</summary>
    public static KataException InUse(SandboxId id, string owner) =>
        new(
            ErrorKind.AlreadyExists,
            $"sandbox {id} is already run by {owner}; use another id or delete that one first");

    /// <summary>No machine is there to take the call.</summary>
    public static KataException NotReady(SandboxId id, SandboxState state) =>
        new(ErrorKind.FailedPrecondition, $"sandbox {id} is {state}, not Ready");

    /// <summary>A step of the boot failed; the report says which and why.</summary>
    public static KataException BootFailed(ErrorKind kind, string cause, FailureReport report, Exception? inner) =>
        new(kind, report.Describe(cause), inner) { Report = report };

    /// <summary>The machine ended.</summary>
    public static KataException MachineGone(SandboxId id) =>
        new(ErrorKind.Unavailable, $"the virtual machine of sandbox {id} has ended");

    /// <summary>Some resources are still held.</summary>
    public static KataException NotReleased(SandboxId id, string what, Exception? cause) =>
        new(ErrorKind.Internal, $"sandbox {id} did not release {what}", cause);
}
