import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import * as Cluster from "@user-service/api/Cluster"
import { MetricsText } from "@user-service/api/health/MetricsText"
import { Console, Effect, Layer, Metric } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import process from "node:process"

// A cluster of two processes on one port, like the API, that only counts requests.

const requests = Metric.counter("test_requests_total", { description: "Requests" })
const alive = Metric.gauge("test_processes", { description: "1 each" })

const routes = Layer.mergeAll(
  HttpRouter.add(
    "GET",
    "/count",
    Effect.as(
      Effect.andThen(Metric.update(requests, 1), Metric.update(alive, 1)),
      HttpServerResponse.text(`${process.pid}`)
    )
  ),
  HttpRouter.add(
    "GET",
    "/metrics",
    Effect.gen(function* () {
      return HttpServerResponse.text(yield* yield* MetricsText)
    })
  )
)

const announce = Effect.flatMap(HttpServer.HttpServer, ({ address }) =>
  Console.log(`ready ${process.pid} ${HttpServer.formatAddress(address)}`)
)

const server = Layer.effectDiscard(announce).pipe(
  Layer.provideMerge(HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })),
  Layer.provide(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 }))
)

const logs = { level: "Info", format: "json", file: undefined } as const

Cluster.layer({ workers: 2, logs }, server).pipe(Layer.launch, NodeRuntime.runMain)
