using Grpc.Core;
using Kata.Apps.Agent.Boot;
using Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent;

/// <summary>Says that we serve. Hosts ask it first, so what can be done after the first answer begins here.</summary>
internal sealed class HealthService(ModuleLoader modules) : Health.HealthBase
{
    private static readonly Task<HealthCheckResponse> Serving =
        Task.FromResult(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving });

    public override Task<HealthCheckResponse> Check(CheckRequest request, ServerCallContext context)
    {
        modules.StartLate();
        return Serving;
    }

    public override Task<VersionCheckResponse> Version(CheckRequest request, ServerCallContext context) =>
        Task.FromResult(new VersionCheckResponse { GrpcVersion = AgentVersion.Api, AgentVersion = AgentVersion.Text });
}
