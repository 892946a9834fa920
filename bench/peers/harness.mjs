// What the benchmark tells every server in Node: its mail relay, and how many processes it has.
import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import { env } from "node:process";

export const RELAY = {
  host: env.SMTP_HOST,
  port: Number(env.SMTP_PORT),
  secure: Boolean(env.SMTP_CA),
  ...(env.SMTP_CA && {
    tls: { ca: readFileSync(env.SMTP_CA) },
    auth: { user: env.SMTP_USER, pass: env.SMTP_PASSWORD },
  }),
};

export function inEachProcess(serve) {
  const processes = Number(env.PROCESSES);
  if (cluster.isPrimary && processes > 1) {
    for (let count = 0; count < processes; count += 1) {
      cluster.fork();
    }
  } else {
    serve();
  }
}
