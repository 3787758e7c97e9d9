using Xunit;

namespace Kata.Tests.Unit.Linux;

/// <summary>
/// One after another: a child on its way from fork to exec holds copies of every descriptor, so a test that spawns
/// delays for a moment what closing one in another test means.
/// </summary>
[CollectionDefinition("kernel")]
public sealed class KernelCollection;
