import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { Agent, type IncomingMessage, request } from "node:http"
import { text } from "node:stream/consumers"
import { setTimeout } from "node:timers/promises"
import type { Person } from "./Journey.ts"

/** The results of clients that stop when the service is no longer ready. */
export interface Report {
  readonly answered: number
  /** How many answers asked the client to close its connection. */
  readonly closing: number
  /** The requests without an answer or with a server error. */
  readonly failures: ReadonlyArray<string>
}

/** Running clients. */
export interface Load {
  readonly answered: () => number
  /** Waits until all clients have stopped. `notReadyAt` is when readiness failed, in milliseconds since 1970. */
  readonly left: Effect.Effect<Report & { readonly notReadyAt: number }>
}

interface Work {
  readonly method: string
  readonly path: string
  readonly body?: unknown
}

// The mix of reads and writes of apps.
const work = (turn: number): Work => {
  switch (turn % 5) {
    case 0:
      return { method: "GET", path: "/api/v1/users/profile/" }
    case 1:
      return { method: "PATCH", path: "/api/v1/users/preferences/", body: { frequency_limit: turn % 1000 } }
    case 2:
      return { method: "GET", path: "/api/v1/users/preferences/" }
    case 3:
      return { method: "POST", path: "/api/v1/users/push-tokens/", body: { token: randomUUID(), platform: "web" } }
    default:
      return { method: "GET", path: "/api/v1/users/push-tokens/" }
  }
}

// The interval of a load balancer, shorter than the shutdown notice.
const probeInterval = 100

const exchange = async (url: string, agent: Agent, { body, method, path }: Work, token?: string) => {
  const json = body === undefined ? undefined : JSON.stringify(body)
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(json === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(json) })
  }
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url + path, { agent, method, headers }, resolve)
      .on("error", reject)
      .end(json)
  })
  return { status: answer.statusCode ?? 0, connection: answer.headers.connection, text: await text(answer) }
}

/** Clients that keep one connection each and send request after request, until a probe of `/health/ready` is not 200. */
export const begin = (url: string, clients: number, people: ReadonlyArray<Person>): Load => {
  const service: { notReadyAt?: number } = {}
  let answered = 0
  let closing = 0
  const failures: Array<string> = []

  const probe = async () => {
    const agent = new Agent({ keepAlive: true })
    while (service.notReadyAt === undefined) {
      const status = await exchange(url, agent, { method: "GET", path: "/health/ready" }).then(
        ({ status }) => status,
        (error: unknown) => {
          failures.push(`probe: ${String(error)}`)
          return 0
        }
      )
      if (status === 200) await setTimeout(probeInterval)
      else service.notReadyAt = Date.now()
    }
    agent.destroy()
    return service.notReadyAt
  }

  const client = async (index: number) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let turn = index; service.notReadyAt === undefined; turn += 1) {
      const wanted = work(turn)
      try {
        const answer = await exchange(url, agent, wanted, people[index % people.length]?.access)
        if (answer.status >= 400) failures.push(`${wanted.method} ${wanted.path}: ${answer.status} ${answer.text}`)
        else answered += 1
        if (answer.connection === "close") closing += 1
      } catch (error) {
        failures.push(`${wanted.method} ${wanted.path}: ${String(error)}`)
      }
    }
    agent.destroy()
  }

  const all = Promise.all([probe(), ...Array.from({ length: clients }, (_, index) => client(index))])
  return {
    answered: () => answered,
    left: Effect.promise(async () => {
      const [at] = await all
      return { answered, closing, failures, notReadyAt: at }
    })
  }
}
