import { Effect } from "effect"

/** What a probe answers. */
export const get = (url: string) =>
  Effect.promise(async () => {
    const response = await fetch(url)
    return { status: response.status, text: await response.text() }
  })

/** The value of a metric, of the labels that are given. */
export const valueIn = (text: string, name: string, labels: ReadonlyArray<string> = []): number => {
  const line = text
    .split("\n")
    .find((line) => line.split(/[{ ]/)[0] === name && labels.every((label) => line.includes(label)))
  return Number(line?.split(" ").at(-1))
}
