// Requests in a small context (decision 0039).
import { Cache } from "@user-service/cache/Cache"
import { Quotas } from "@user-service/cache/Quotas"
import { RateLimits } from "@user-service/cache/RateLimits"
import { RedisHealth } from "@user-service/cache/Redis"
import { DirectSql } from "@user-service/database/DirectSql"
import { PostgresCheck } from "@user-service/database/PostgresCheck"
import { EngineHealth } from "@user-service/runtime/EngineHealth"
import { Context, Effect, FileSystem, Layer, Path, Stdio, Terminal } from "effect"
import { HttpClient, HttpServer, type HttpServerResponse } from "effect/http"
import { Redis } from "effect/persistence"
import { ChildProcessSpawner } from "effect/process"
import { SqlClient } from "effect/sql"

// Removes services that only layers need. Handlers captured theirs when they were built.
const withoutEngines = Context.omit(
  Cache,
  ChildProcessSpawner.ChildProcessSpawner,
  DirectSql,
  EngineHealth,
  FileSystem.FileSystem,
  HttpClient.HttpClient,
  Path.Path,
  PostgresCheck,
  Quotas,
  RateLimits,
  Redis.Redis,
  RedisHealth,
  SqlClient.SqlClient,
  Stdio.Stdio,
  Terminal.Terminal
)

// A request adds about twelve services: its own, its facts, its route, its session.
const maxDepth = 24

// Requests start from the context in which the server runs. They add services to it one by one. Effect copies a context as a whole
// after eight of them, and again where an endpoint adds its own, so the context is kept small and the limit is raised.
const requestContext = <R>(context: Context.Context<R>): Context.Context<R> =>
  Context.makeUnsafe(withoutEngines(context).mapUnsafe, { maxDepth })

/** Serves the app in a small context (decision 0039). */
export const layerServer = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) => {
  const server = HttpServer.serveEffect(app)
  return Layer.effectDiscard(Effect.updateContext(server, requestContext<Effect.Services<typeof server>>))
}
