namespace Kata.Core.Application.ShimProcess;

/// <summary>The version that every binary of this project tells.</summary>
public static class ShimVersion
{
    /// <summary>Such as <c>0.1.0</c>.</summary>
    public const string Text = "0.1.0";
}
