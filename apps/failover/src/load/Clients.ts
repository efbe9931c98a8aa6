import { Broker } from "@user-service/broker/Broker"
import { notificationStatus, type Topology, userEvents } from "@user-service/broker/Topology"
import { Clock, Effect, Fiber, Schema, Stream } from "effect"
import type { HttpRequest, Send } from "../service/Http.ts"
import type { Service } from "../service/Service.ts"
import type { Journal } from "./Journal.ts"

const allEvents = "all-events"

/** A queue of all events, and the exchange of the statuses. */
export const topology: Topology = {
  exchanges: [userEvents, notificationStatus],
  queues: [{ name: allEvents, bindings: [{ exchange: userEvents.name, pattern: "#" }], deliveryLimit: 1000 }]
}

const Registration = Schema.fromJsonString(
  Schema.Struct({
    data: Schema.Struct({ id: Schema.String, tokens: Schema.Struct({ access: Schema.String }) })
  })
)

/** A registered user, with the access token of one session. */
interface Person {
  readonly id: string
  readonly access: string
}

const writers = 24
const endingUsers = 4
const sessionsEach = 20
const password = "weaving algebraic patterns"
const profile = "/api/v1/users/profile/"

/** The users of a run, and sessions that its clients end. */
export interface People {
  readonly writing: ReadonlyArray<Person>
  readonly sessions: ReadonlyArray<Person>
}

/** Registers the users and opens the sessions. */
export const makePeople = Effect.fnUntraced(function* ({ apis: [api] }: Service) {
  if (api === undefined) return yield* Effect.die("There are two APIs")
  const people = yield* Effect.forEach(
    Array.from({ length: writers + endingUsers }, (_, index) => index),
    (index) => enter(api.send, "/api/v1/users/register/", { email: `user${index}@example.org`, password }),
    { concurrency: 2 }
  )
  const sessions = yield* Effect.forEach(
    Array.from({ length: endingUsers * sessionsEach }, (_, index) => writers + (index % endingUsers)),
    (index) => enter(api.send, "/api/v1/users/login/", { email: `user${index}@example.org`, password }),
    { concurrency: 2 }
  )
  return { writing: people.slice(0, writers), sessions } satisfies People
})

const enter = Effect.fnUntraced(function* (send: Send, path: string, body: unknown) {
  const answer = yield* Effect.orDie(send({ method: "POST", path, body }))
  const { data } = yield* Effect.orDie(Schema.decodeEffect(Registration)(answer.text))
  return { id: data.id, access: data.tokens.access } satisfies Person
})

/** Starts all clients. They run until the returned effect is run, which waits for the requests in progress. */
export const begin = Effect.fnUntraced(function* (service: Service, people: People, journal: Journal) {
  const state = { isOver: false }
  const whileOn = <E, R>(step: Effect.Effect<unknown, E, R>) =>
    Effect.forkScoped(Effect.whileLoop({ while: () => !state.isOver, body: () => step, step: () => {} }))
  const fibers = [
    ...(yield* Effect.forEach(people.writing, (person, index) => whileOn(writer(service, person, index, journal)))),
    yield* whileOn(ender(service, people.sessions, journal)),
    yield* whileOn(publisher(people.writing, journal))
  ]
  return Effect.suspend(() => {
    state.isOver = true
    return Effect.asVoid(Fiber.joinAll(fibers))
  })
})

const sendTo = ({ apis }: Service, index: number, request: HttpRequest) =>
  (apis[index % apis.length]?.send(request) ?? Effect.die("There are two APIs")).pipe(
    Effect.map(({ status }) => status),
    Effect.orElseSucceed(() => 0)
  )

/** Changes the name of a user, each time through the other API, with a pause of a fifth of a second. */
const writer = (service: Service, { access, id }: Person, index: number, journal: Journal) => {
  let turn = index
  return Effect.gen(function* () {
    const name = `name-${++turn}`
    const startedAt = yield* Clock.currentTimeMillis
    const body = { profile: { first_name: name } }
    const status = yield* sendTo(service, turn, { method: "PATCH", path: profile, token: access, body })
    journal.writes.push({ user: id, name, startedAt, endedAt: yield* Clock.currentTimeMillis, status })
    yield* Effect.sleep("200 millis")
  })
}

/** Ends a session in most seconds, and checks from a second afterwards that no API accepts it. */
const ender = (service: Service, sessions: ReadonlyArray<Person>, journal: Journal) => {
  let turn = 0
  return Effect.gen(function* () {
    const session = sessions[turn++]
    if (session !== undefined) {
      const status = yield* sendTo(service, turn, {
        method: "POST",
        path: "/api/v1/users/logout/",
        token: session.access
      })
      if (status === 200) {
        journal.sessions.ended++
        yield* Effect.forkScoped(checkEnd(service, session, turn, journal))
      }
    }
    yield* Effect.sleep("700 millis")
  })
}

const checkEnd = (service: Service, { access }: Person, turn: number, journal: Journal) =>
  Effect.forEach(
    [1000, 1000, 3000, 10_000, 30_000],
    (pause) =>
      Effect.andThen(
        Effect.sleep(pause),
        Effect.forEach(service.apis, (_, index) => checkOne(service, index, access, turn, journal), {
          concurrency: "unbounded"
        })
      ),
    { discard: true }
  )

const checkOne = Effect.fnUntraced(function* (
  service: Service,
  index: number,
  access: string,
  turn: number,
  journal: Journal
) {
  const status = yield* sendTo(service, index, { method: "GET", path: profile, token: access })
  journal.sessions.checked++
  if (status === 200) journal.sessions.accepted.push(`session ${turn} by API ${index + 1}`)
})

const encoder = new TextEncoder()

/** Publishes the status of a notification, and records it if RabbitMQ confirms it. */
const publisher = (people: ReadonlyArray<Person>, journal: Journal) => {
  let turn = 0
  return Effect.gen(function* () {
    const broker = yield* Broker
    const id = `notification-${++turn}`
    const user = people[turn % people.length]?.id
    const body = { notification_id: id, user_id: user, channel: "email", status: "sent" }
    const outcomes = yield* Effect.orElseSucceed(
      broker.publishAll([
        {
          exchange: notificationStatus.name,
          routingKey: "notification.status.failover",
          body: encoder.encode(JSON.stringify(body)),
          contentType: "application/json",
          messageId: id,
          persistent: true,
          mandatory: true,
          headers: {}
        }
      ]),
      () => []
    )
    if (outcomes[0] === "confirmed") journal.statuses.push({ id, expected: "sent", messageIds: [id] })
    yield* Effect.sleep("50 millis")
  })
}

/** Records all events from now on, in the background. */
export const listen = Effect.fnUntraced(function* (journal: Journal) {
  const broker = yield* Broker
  yield* broker.consume(allEvents, { prefetch: 500 }).pipe(
    Stream.runForEach(({ ackThrough, message }) =>
      Effect.flatMap(Clock.currentTimeMillis, (receivedAt) => {
        journal.events.push({ id: message.messageId ?? "", receivedAt })
        return ackThrough
      })
    ),
    Effect.forkScoped
  )
})
