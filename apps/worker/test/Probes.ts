import { Effect } from "effect"

/** Sends a GET request to a probe. */
export const get = (url: string) =>
  Effect.promise(async () => {
    const response = await fetch(url)
    return { status: response.status, text: await response.text() }
  })

/** The value of the first series of a metric with all the given labels. */
export const valueIn = (text: string, name: string, labels: ReadonlyArray<string> = []): number => {
  const line = text
    .split("\n")
    .find((line) => line.split(/[{ ]/)[0] === name && labels.every((label) => line.includes(label)))
  return Number(line?.split(" ").at(-1))
}
