using MediatR;

namespace Kata.Core.Application.Messaging;

/// <summary>The inbound port: the requests are what can be asked, this is how.</summary>
public interface ISender
{
    /// <summary>Carries a request to its handler.</summary>
    Task<TReply> Send<TReply>(IRequest<TReply> request, CancellationToken ct = default);
}
