# The embedded model store's image (target: store): versitygw, one static Go program over a directory.
# It is built from a pinned Go module. Where the program is built already, its folder is passed as the build context
# named `gateway` instead: --build-context gateway=FOLDER
ARG GO_BASE=docker.io/library/golang:1.26-bookworm

FROM ${GO_BASE} AS gateway
WORKDIR /src
COPY devcluster/slipway_devcluster/sources/versitygw/go.mod devcluster/slipway_devcluster/sources/versitygw/go.sum ./
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /versitygw github.com/versity/versitygw/cmd/versitygw

FROM scratch AS store
COPY --from=gateway /versitygw /versitygw
USER 65532:65532
ENTRYPOINT ["/versitygw"]
