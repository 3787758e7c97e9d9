return await Kata.Adapters.Shimv2.Shimv2Services.RunAsync(args, Kata.Apps.Shim.ShimComposition.Configure);
