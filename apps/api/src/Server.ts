import { NodeCrypto, NodeHttpServer } from "@effect/platform-node"
import { Storage } from "@user-service/database/Storage"
import { Drain, layerShutdown } from "@user-service/runtime/Drain"
import { EngineHealth, observe } from "@user-service/runtime/EngineHealth"
import { version } from "@user-service/runtime/Version"
import { routerConfig } from "@user-service/schema/http/Paths"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { KeyedHashes } from "@user-service/security/KeyedHashes"
import { Keys } from "@user-service/security/Keys"
import { PasswordEstimator } from "@user-service/security/PasswordEstimator"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import * as PooledRandom from "@user-service/security/PooledRandom"
import { ServiceKeys } from "@user-service/security/ServiceKeys"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { UnsubscribeTokens } from "@user-service/security/UnsubscribeTokens"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { HttpMetrics } from "@user-service/telemetry/HttpMetrics"
import * as ProcessMetrics from "@user-service/telemetry/ProcessMetrics"
import { Duration, Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { AccountsHttp } from "./accounts/AccountsHttp.ts"
import { AdminHttp } from "./admin/AdminHttp.ts"
import { StaffAuthenticationHttp } from "./admin/StaffAuthenticationHttp.ts"
import * as ApiSettings from "./ApiSettings.ts"
import { ConsoleHttp } from "./console/ConsoleHttp.ts"
import { DeliveriesHttp } from "./deliveries/DeliveriesHttp.ts"
import { DocsHttp } from "./docs/DocsHttp.ts"
import { Edge } from "./edge/Edge.ts"
import { AuthenticationHttp } from "./endpoints/AuthenticationHttp.ts"
import { ValidationHttp } from "./endpoints/ValidationHttp.ts"
import { WriteLimitHttp } from "./endpoints/WriteLimitHttp.ts"
import { ExportsHttp } from "./exports/ExportsHttp.ts"
import { HealthHttp } from "./health/HealthHttp.ts"
import { MetricsHttp } from "./health/MetricsHttp.ts"
import * as NodeServer from "./node/NodeServer.ts"
import { layerServer } from "./node/RequestContext.ts"
import { PreferencesHttp } from "./preferences/PreferencesHttp.ts"
import { ProfilesHttp } from "./profiles/ProfilesHttp.ts"
import { RepresentationsHttp } from "./profiles/RepresentationsHttp.ts"
import { PushTokensHttp } from "./push-tokens/PushTokensHttp.ts"
import { RecoveryHttp } from "./recovery/RecoveryHttp.ts"
import { InternalHttp } from "./service-side/InternalHttp.ts"
import { RpcHttp } from "./service-side/RpcHttp.ts"
import { ServiceKeyHttp } from "./service-side/ServiceKeyHttp.ts"
import { JwksHttp } from "./sessions/JwksHttp.ts"
import { SessionsHttp } from "./sessions/SessionsHttp.ts"
import { UnsubscribeHttp } from "./unsubscribe/UnsubscribeHttp.ts"

/** The routes of the HTTP API and of RPC. Each group of endpoints provides its own services. */
const Routes = Layer.mergeAll(
  HttpApiBuilder.layer(UserServiceApi).pipe(
    Layer.provide([
      AccountsHttp,
      AdminHttp,
      DeliveriesHttp,
      ExportsHttp,
      HealthHttp,
      InternalHttp,
      PreferencesHttp,
      ProfilesHttp,
      PushTokensHttp,
      RecoveryHttp,
      SessionsHttp
    ]),
    Layer.provide([AuthenticationHttp, ServiceKeyHttp, StaffAuthenticationHttp, ValidationHttp, WriteLimitHttp])
  ),
  RpcHttp,
  ConsoleHttp,
  DocsHttp,
  Edge,
  JwksHttp,
  MetricsHttp,
  UnsubscribeHttp
)

/** The engines that only the API needs. The caller provides the database, the cache and the rate limits. */
const Engines = Layer.mergeAll(
  NodeCrypto.layerDigest,
  PasswordEstimator.layer,
  PasswordHasher.layer,
  PooledRandom.layer,
  ProcessMetrics.layer({ version }),
  RepresentationsHttp,
  ServiceKeys.layer,
  Storage.layer,
  Layer.provide(Layer.mergeAll(KeyedHashes.layer, TokenSigner.layer, UnsubscribeTokens.layer), Keys.layerFile)
)

/** The listening server. The caller provides the engines, embedded or real. */
export const layer = (settings: ApiSettings.ApiSettings) => {
  const notice = settings.shutdownNotice
  const App = HttpRouter.toHttpEffect(
    Routes.pipe(Layer.provide(Engines), Layer.provide([NodeHttpServer.layerHttpServices, ApiSettings.layer(settings)]))
  ).pipe(Effect.provideService(HttpRouter.RouterConfig, routerConfig))
  const Http = NodeServer.layer({
    host: settings.host,
    port: settings.port,
    grace: Duration.subtract(settings.shutdownGrace, notice)
  })
  return layerShutdown({ notice }).pipe(
    // Outside the layers of the routes, since each request's context has the services in which the server was built.
    Layer.provideMerge(Layer.unwrap(Effect.map(App, (app) => Layer.provideMerge(layerServer(app), Http)))),
    Layer.provide(Layer.effectDiscard(Effect.flatMap(EngineHealth, observe))),
    Layer.provide([Drain.layer, HttpMetrics.layer, CredentialRefusals.layer])
  )
}
