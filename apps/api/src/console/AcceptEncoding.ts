/** The content codings that assets are compressed with, the smallest result first. */
const codings = ["br", "gzip"] as const

export type Coding = (typeof codings)[number]

/**
 * The coding to send to a client with this `Accept-Encoding` (RFC 9110, section 12.5.3), or undefined for none. Qualities select which
 * codings the client accepts, but not their order.
 */
export const preferredEncoding = (
  header: string | undefined,
  isAvailable: (coding: Coding) => boolean
): Coding | undefined => {
  const qualities = new Map((header ?? "").split(",").map(qualityOf))
  const accepts = (coding: Coding) => (qualities.get(coding) ?? qualities.get("*") ?? 0) > 0
  return codings.find((coding) => isAvailable(coding) && accepts(coding))
}

const qualityOf = (item: string): readonly [string, number] => {
  const [name = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase())
  const quality = parameters.find((parameter) => parameter.startsWith("q="))
  return [name, quality === undefined ? 1 : Number(quality.slice(2))]
}
