using Kata.Core.Domain;
using Kata.Platform.Linux;

namespace Kata.Adapters.Qemu;

/// <summary>From a refusal of the kernel to a kind.</summary>
internal static class KernelErrors
{
    /// <summary>By what the number means; <paramref name="otherwise"/> if that alone does not tell.</summary>
    public static ErrorKind ToKind(this LinuxException refusal, ErrorKind otherwise) => refusal switch
    {
        { IsRefusal: true } => ErrorKind.PermissionDenied,
        { IsExhaustion: true } => ErrorKind.ResourceExhausted,
        _ => otherwise,
    };
}
