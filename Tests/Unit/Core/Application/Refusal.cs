using Kata.Core.Domain;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>The refusal with which a request ends.</summary>
internal static class Refusal
{
    public static Task<KataException> OfAsync(Func<Task> request) => Assert.ThrowsAsync<KataException>(request);
}
