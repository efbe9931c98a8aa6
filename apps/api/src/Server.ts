import { NodeCrypto, NodeHttpServer } from "@effect/platform-node"
import { AccountsRepo } from "@user-service/core/accounts/AccountsRepo"
import { Logins } from "@user-service/core/accounts/Logins"
import { NewAccounts } from "@user-service/core/accounts/NewAccounts"
import { PasswordChanges } from "@user-service/core/accounts/PasswordChanges"
import { NewUsers } from "@user-service/core/accounts/NewUsers"
import { PasswordPolicy } from "@user-service/core/accounts/PasswordPolicy"
import { Passwords } from "@user-service/core/accounts/Passwords"
import { CacheSettings } from "@user-service/core/cached/CacheSettings"
import { Changes } from "@user-service/core/changes/Changes"
import { ChangesRepo } from "@user-service/core/changes/ChangesRepo"
import { Invalidations } from "@user-service/core/cached/Invalidations"
import { OutboxSignal } from "@user-service/core/changes/OutboxSignal"
import { Deliveries } from "@user-service/core/deliveries/Deliveries"
import { DeliveriesRepo } from "@user-service/core/deliveries/DeliveriesRepo"
import { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import { DeliveryStatusesRepo } from "@user-service/core/deliveries/DeliveryStatusesRepo"
import { Limits } from "@user-service/core/limits/Limits"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { PreferencesRepo } from "@user-service/core/preferences/PreferencesRepo"
import { Profiles } from "@user-service/core/profiles/Profiles"
import { ProfilesRepo } from "@user-service/core/profiles/ProfilesRepo"
import { InactivePushTokens } from "@user-service/core/push-tokens/InactivePushTokens"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { PushTokensRepo } from "@user-service/core/push-tokens/PushTokensRepo"
import { Registrations } from "@user-service/core/push-tokens/Registrations"
import { Introspection } from "@user-service/core/sessions/Introspection"
import { LiveSessions } from "@user-service/core/cached/LiveSessions"
import { SessionActivity } from "@user-service/core/sessions/SessionActivity"
import { SessionChanges } from "@user-service/core/sessions/SessionChanges"
import { Sessions } from "@user-service/core/sessions/Sessions"
import { SessionSettings } from "@user-service/core/SessionSettings"
import { SessionsRepo } from "@user-service/core/sessions/SessionsRepo"
import { SessionTokens } from "@user-service/core/sessions/SessionTokens"
import { Storage } from "@user-service/database/Storage"
import { Keys } from "@user-service/security/Keys"
import { PasswordEstimator } from "@user-service/security/PasswordEstimator"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import * as PooledRandom from "@user-service/security/PooledRandom"
import { ServiceKeys } from "@user-service/security/ServiceKeys"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { Authentication } from "@user-service/schema/http/Authentication"
import { routerConfig } from "@user-service/schema/http/Paths"
import { ServiceKey } from "@user-service/schema/http/ServiceKey"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { Validation } from "@user-service/schema/http/Validation"
import { WriteLimit } from "@user-service/schema/http/WriteLimit"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Drain, layerShutdown } from "@user-service/runtime/Drain"
import { EngineHealth, observe } from "@user-service/runtime/EngineHealth"
import { HttpMetrics } from "@user-service/telemetry/HttpMetrics"
import * as ProcessMetrics from "@user-service/telemetry/ProcessMetrics"
import { Context, Duration, Effect, Layer, Scope } from "effect"
import { HttpRouter, HttpServer, type HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { AccountsHttp } from "./accounts/AccountsHttp.ts"
import type { ApiSettings } from "./ApiSettings.ts"
import { DeliveriesHttp } from "./deliveries/DeliveriesHttp.ts"
import { DocsHttp } from "./docs/DocsHttp.ts"
import { HealthHttp } from "./health/HealthHttp.ts"
import { MetricsHttp } from "./health/MetricsHttp.ts"
import { AuthenticationHttp } from "./endpoints/AuthenticationHttp.ts"
import { Edge } from "./edge/Edge.ts"
import { EdgeSettings } from "./edge/EdgeSettings.ts"
import * as NodeServer from "./node/NodeServer.ts"
import { requestContext } from "./node/RequestContext.ts"
import { ValidationHttp } from "./endpoints/ValidationHttp.ts"
import { WriteLimitHttp } from "./endpoints/WriteLimitHttp.ts"
import { PreferencesHttp } from "./preferences/PreferencesHttp.ts"
import { ProfilesHttp } from "./profiles/ProfilesHttp.ts"
import { RepresentationsHttp } from "./profiles/RepresentationsHttp.ts"
import { PushTokensHttp } from "./push-tokens/PushTokensHttp.ts"
import { InternalHttp } from "./service-side/InternalHttp.ts"
import { RpcHttp } from "./service-side/RpcHttp.ts"
import { ServiceCalls } from "./service-side/ServiceCalls.ts"
import { ServiceKeyHttp } from "./service-side/ServiceKeyHttp.ts"
import { JwksHttp } from "./sessions/JwksHttp.ts"
import { SessionsHttp } from "./sessions/SessionsHttp.ts"
import { version } from "@user-service/runtime/Version"

const Groups = Layer.mergeAll(
  AccountsHttp,
  SessionsHttp,
  ProfilesHttp,
  PreferencesHttp,
  PushTokensHttp,
  DeliveriesHttp,
  InternalHttp,
  HealthHttp
)

/**
 * The endpoints of the HTTP API over the features. What is in sight where a group is built is copied into the context of
 * every request that falls on it, so nothing else is.
 */
const Endpoints = Layer.effectContext(
  Effect.updateContext(Layer.build(Groups), (context: Context.Context<Layer.Services<typeof Groups> | Scope.Scope>) =>
    Context.pick(
      Scope.Scope,
      Authentication,
      ServiceKey,
      Validation,
      WriteLimit,
      EngineHealth,
      Drain,
      Logins,
      NewAccounts,
      PasswordChanges,
      Sessions,
      Introspection,
      Profiles,
      Preferences,
      PushTokens,
      Deliveries,
      DeliveryStatuses
    )(context)
  )
)

/** The HTTP API and the RPC over the features, as routes. */
const Routes = Layer.mergeAll(
  HttpApiBuilder.layer(UserServiceApi).pipe(
    Layer.provide(Endpoints),
    Layer.provide([AuthenticationHttp, ServiceKeyHttp, ValidationHttp, WriteLimitHttp])
  ),
  RpcHttp,
  DocsHttp,
  JwksHttp,
  MetricsHttp,
  Edge
).pipe(Layer.provide(ServiceCalls.layer))

/**
 * The features over the engines, from the bottom up: each line stands on those above it. What they need from outside are
 * the engines alone.
 */
const Features = (settings: ApiSettings) => {
  const Foundations = Layer.mergeAll(
    Storage.layer,
    Layer.succeed(SessionSettings, settings.sessions),
    Layer.succeed(CacheSettings, settings.cache),
    NodeCrypto.layerDigest,
    RepresentationsHttp
  )
  const Shared = Layer.mergeAll(
    PooledRandom.layer,
    PasswordPolicy.layer({ minLength: settings.passwordPolicy }).pipe(
      Layer.provide(PasswordEstimator.layer({ queueSize: settings.passwords.queueSize }))
    ),
    Limits.layer(settings.limits)
  )
  const Repos = Layer.mergeAll(
    AccountsRepo.layer,
    ChangesRepo.layer,
    DeliveriesRepo.layer,
    DeliveryStatusesRepo.layer,
    PreferencesRepo.layer,
    ProfilesRepo.layer,
    PushTokensRepo.layer,
    SessionsRepo.layer,
    InactivePushTokens.layer({ max: settings.maxPushTokens })
  )
  const ChangesLive = Changes.layer.pipe(
    Layer.provide([Invalidations.layer, OutboxSignal.layer]),
    Layer.provideMerge(LiveSessions.layer)
  )
  const Parts = Layer.mergeAll(
    SessionTokens.layer,
    SessionChanges.layer,
    SessionActivity.layer,
    Registrations.layer({ maxActive: settings.maxPushTokens }),
    NewUsers.layer,
    Passwords.layer
  )
  return Layer.mergeAll(
    Logins.layer,
    NewAccounts.layer,
    PasswordChanges.layer,
    Introspection.layer(settings.tokens).pipe(Layer.provideMerge(Sessions.layer)),
    Profiles.layer,
    Preferences.layer,
    PushTokens.layer,
    Deliveries.layer,
    DeliveryStatuses.layer
  ).pipe(
    Layer.provide(Parts),
    Layer.provide(ChangesLive),
    Layer.provide(Repos),
    Layer.provide(Foundations),
    // The routes ask these as well.
    Layer.provideMerge(Shared)
  )
}

const serve = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) => {
  const served = HttpServer.serveEffect(app)
  return Layer.effectDiscard(Effect.updateContext(served, requestContext<Effect.Services<typeof served>>))
}

/** The service, listening. The engines come from whoever starts it; the embedded ones and the real ones are alike to it. */
export const layer = (settings: ApiSettings) => {
  const notice = settings.shutdownNotice
  const isProduction = settings.environment === "production"
  const App = HttpRouter.toHttpEffect(
    Routes.pipe(
      Layer.provide(Features(settings)),
      Layer.provide([
        NodeHttpServer.layerHttpServices,
        ProcessMetrics.layer({ version }),
        Layer.succeed(EdgeSettings, settings.edge),
        TokenSigner.layer(settings.tokens),
        ServiceKeys.layer({ ...settings.serviceKeys, exposed: isProduction ? "refuse" : "warn" }),
        PasswordHasher.layer(settings.passwords)
      ]),
      Layer.provide(
        Keys.layerFile({
          path: settings.keys.path,
          create: !isProduction,
          // What nobody named, this service has made.
          exposed: isProduction ? "refuse" : settings.keys.named ? "warn" : "mend"
        })
      )
    )
  ).pipe(Effect.provideService(HttpRouter.RouterConfig, routerConfig))
  const Http = NodeServer.layer({
    host: settings.host,
    port: settings.port,
    grace: Duration.subtract(settings.shutdownGrace, notice)
  })
  return layerShutdown({ notice }).pipe(
    // The app is served outside the features' layers: each request carries the services in whose scope it is served.
    Layer.provideMerge(Layer.unwrap(Effect.map(App, (app) => Layer.provideMerge(serve(app), Http)))),
    Layer.provide(Layer.effectDiscard(Effect.flatMap(EngineHealth, observe))),
    Layer.provide([Drain.layer, HttpMetrics.layer, CredentialRefusals.layer])
  )
}
