namespace Kata.Adapters.Qemu.Qmp;

/// <summary>QEMU refused a command, or the conversation with it is over.</summary>
internal sealed class QmpException(
    string message, string? errorClass = null, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>QEMU's error class; null if the connection is gone.</summary>
    public string? ErrorClass { get; } = errorClass;

    /// <summary>True if nothing can be said to this QEMU any more.</summary>
    public bool IsConnectionLost => ErrorClass is null;
}
