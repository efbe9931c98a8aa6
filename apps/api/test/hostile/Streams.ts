import type { Person } from "../TestApi.ts"
import { goodTexts, shards, smugglingRequests, strangeRequests, unfinishedRequests } from "./OddStreams.ts"
import type { Random } from "./Random.ts"
import type { Stream } from "./RawSocket.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")

const altered = (random: Random, text: string): string => {
  const at = random.below(text.length + 1)
  const to = at + random.below(Math.min(60, text.length - at + 1))
  const byte = String.fromCharCode(random.below(256))
  const edits: ReadonlyArray<() => string> = [
    () => text.slice(0, at) + byte + text.slice(at + 1),
    () => text.slice(0, at) + text.slice(to),
    () => text.slice(0, to) + text.slice(at),
    () => text.slice(0, at),
    () => text.slice(at),
    () => text.slice(0, at) + random.pick(shards) + text.slice(at),
    () => text.slice(0, at) + random.pick(shards) + text.slice(to)
  ]
  return random.pick(edits)()
}

const piecesOf = (random: Random, text: string): ReadonlyArray<Uint8Array> => {
  if (random.below(3) > 0) return [bytes(text)]
  const at = random.below(text.length + 1)
  return [bytes(text.slice(0, at)), bytes(text.slice(at))]
}

const byChance = (random: Random, base: ReadonlyArray<string>): Stream => {
  let text = random.pick(base)
  for (let edits = 1 + random.below(4); edits > 0; edits--) text = altered(random, text)
  if (random.below(4) === 0) text += altered(random, random.pick(base))
  const ending = random.below(20)
  return {
    name: `by chance: ${JSON.stringify(text.slice(0, 300))}`,
    pieces: piecesOf(random, text),
    ending: ending < 17 ? "quiet" : ending < 19 ? "cut" : "hold"
  }
}

const written = (text: string, ending: Stream["ending"] = "quiet"): Stream => ({
  name: JSON.stringify(text.slice(0, 300)),
  pieces: [bytes(text)],
  ending
})

/** Those that no server may take for more than the one bad request they are. */
export const smugglers: ReadonlyArray<Stream> = smugglingRequests.map((text) => written(text))

/** Those that come to no end by themselves. */
export const endless = (person: Person): ReadonlyArray<Stream> => {
  const bytewise = (text: string): Stream => ({
    name: `byte by byte: ${JSON.stringify(text.slice(0, 60))}`,
    pieces: Array.from(text, bytes),
    ending: "slow"
  })
  return [
    ...unfinishedRequests.map((text) => written(text, "hold")),
    ...goodTexts(person).map((text) => bytewise(`${text}${" ".repeat(200)}`))
  ]
}

/** As many streams as asked for: those written by hand, then good ones altered by chance. */
export const make = (random: Random, person: Person, count: number): ReadonlyArray<Stream> => {
  const base = goodTexts(person)
  const byHand = [...base, ...strangeRequests, ...smugglingRequests].flatMap((text) => [
    written(text),
    written(text, "cut")
  ])
  return [...byHand, ...Array.from({ length: count - byHand.length }, () => byChance(random, base))]
}
