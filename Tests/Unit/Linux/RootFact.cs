using Xunit;

namespace Kata.Tests.Unit.Linux;

/// <summary>A test whose system calls need root; elsewhere it is skipped.</summary>
internal sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
            Skip = "needs root";
    }
}
