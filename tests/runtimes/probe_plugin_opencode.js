// A plugin for OpenCode that records every hook and event with its arguments, and adds what a test asked for.
// NOTES stands for the folder of the test: notes.jsonl is written, ADD-<hook>.txt is read.
import { appendFileSync, existsSync, readFileSync } from "node:fs"

const NOTES = "@NOTES@"
const SECRET = /KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/i

function plain(value) {
  try {
    const text = JSON.stringify(value, (_key, item) => (typeof item === "function" ? "<function>" : item))
    return text === undefined ? null : JSON.parse(text)
  } catch (error) {
    return `<${error}>`
  }
}

function note(hook, ...values) {
  const line = { time: Date.now() / 1000, hook, arguments: plain(values) }
  appendFileSync(`${NOTES}/notes.jsonl`, JSON.stringify(line) + "\n")
}

function wanted(hook) {
  const path = `${NOTES}/ADD-${hook}.txt`
  return existsSync(path) ? readFileSync(path, "utf8") : ""
}

export const Probe = async (given) => {
  const environment = Object.fromEntries(
    Object.entries(process.env).map(([name, value]) => [name, SECRET.test(name) ? "<secret>" : value]),
  )
  note("plugin", Object.keys(given), {
    directory: given.directory, worktree: given.worktree, project: given.project, serverUrl: String(given.serverUrl),
    pid: process.pid, ppid: process.ppid, argv: process.argv, execPath: process.execPath, environment,
    client: Object.fromEntries(Object.entries(given.client).map(([k, v]) => [k, v && typeof v === "object"
      ? Object.getOwnPropertyNames(Object.getPrototypeOf(v)) : typeof v])),
  })
  const hooks = {
    event: async ({ event }) => {
      note(`event ${event.type}`, event.properties)
      const text = wanted("session.idle")
      if (event.type === "session.idle" && text && !globalThis.probeIdle) {
        globalThis.probeIdle = true
        const answer = await given.client.session.promptAsync({
          path: { id: event.properties.sessionID }, body: { parts: [{ type: "text", text, synthetic: true }] },
        })
        note("promptAsync", answer.data ?? null, answer.error ?? null)
      }
    },
    "chat.message": async (input, output) => {
      const text = wanted("chat.message")
      note("chat.message", input, output)
      if (text) {
        const part = { id: `prt_${"0".repeat(0)}${Date.now().toString(16)}probe${Math.random().toString(36).slice(2, 12)}`,
          sessionID: output.message.sessionID, messageID: output.message.id, type: "text", text, synthetic: true }
        output.parts.push(part)
      }
    },
    "experimental.chat.system.transform": async (input, output) => {
      note("experimental.chat.system.transform", { sessionID: input.sessionID, keys: Object.keys(input) }, {
        system: output.system.map((text) => text.slice(0, 60)) })
      const text = wanted("system")
      if (text) output.system.push(text)
    },
    "experimental.session.compacting": async (input, output) => {
      note("experimental.session.compacting", input, output)
      const text = wanted("compacting")
      if (text) output.context.push(text)
    },
    "tool.execute.after": async (input, output) => {
      note("tool.execute.after", input, output)
      const text = wanted("tool.execute.after")
      if (text) output.output += text
    },
    "shell.env": async (input, output) => {
      note("shell.env", input, output)
      output.env.PROBE_SESSION = input.sessionID ?? ""
    },
    dispose: async () => note("dispose"),
  }
  for (const name of ["chat.params", "chat.headers", "tool.execute.before", "permission.ask", "command.execute.before",
    "experimental.compaction.autocontinue", "experimental.text.complete", "tool.definition"]) {
    hooks[name] = async (input, output) => note(name, name === "tool.definition" ? input : { ...input, model: undefined, provider: undefined }, output)
  }
  hooks["experimental.chat.messages.transform"] = async (input, output) =>
    note("experimental.chat.messages.transform", input, { messages: output.messages.length })
  hooks.config = async (config) => note("config", Object.keys(config))
  return hooks
}
