package main

import (
	"strings"
	"testing"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

func TestChannelsOfTheHubAreCompleted(t *testing.T) {
	f := &fakeHub{sessions: threeSessions(), channels: []*hubv1.ChannelInfo{
		{Name: "blog.article.feed", Message: "blog.v1.ArticleFeed"},
		{Name: "blog.article.news", Message: "blog.v1.ArticleNews"},
		{Name: "notifications.user.{user_id}", Message: "n.v1.U\tx"},
	}}
	address := f.start(t)
	inFiles(t, map[string]string{"article.json": "{}", "articles/one.json": "{}"})
	const feed = "blog.article.feed\tblog.article.feed, blog.v1.ArticleFeed\n"
	for _, c := range []struct {
		args []string
		want string // :4 is no files, :6 is no files and no space
	}{
		{[]string{"tail", "blog.article.f"}, feed + ":4\n"},
		{[]string{"unsubscribe", "blog.article.f"}, feed + ":4\n"},
		{[]string{"explain", "noti"}, "notifications.user.\tnotifications.user.{user_id}, n.v1.U x\n:6\n"},
		{[]string{"sessions", "--channel", "blog.article.f"}, feed + ":4\n"},
		{[]string{"broadcast", "blog.article.f"}, feed + ":4\n"},
		{[]string{"broadcast", "blog.article.feed", "@article."}, "@article.json\n:4\n"},
		{[]string{"broadcast", "blog.article.feed", "@articles"}, "@articles/\n:6\n"},
		{[]string{"broadcast", "blog.article.feed", "{"}, ":4\n"},
		{[]string{"tail", "blog.article.feed", ""}, ":4\n"},
		{[]string{"disconnect", "--session", "s1"}, "s1\tuser_42\n:4\n"},
		{[]string{"channels", ""}, ":4\n"},
		{[]string{"channels", "--ca-file", ""}, ":0\n"},
		{[]string{"serve", "--config", ""}, ":0\n"},
	} {
		got := call{environment: []string{"HUB_HUB=" + address}}.run(t.Context(), append([]string{"__complete"}, c.args...)...)
		if got.code != exitOK || got.stdout != c.want {
			t.Errorf("%v: %+v, want %q", c.args, got, c.want)
		}
	}
	flag := call{}.run(t.Context(), "__complete", "tail", "--hub", address, "blog.article.f")
	if flag.stdout != feed+":4\n" {
		t.Errorf("with --hub: %+v", flag)
	}
}

func TestCompletionWithoutAHubIsSilent(t *testing.T) {
	for _, environment := range [][]string{{"HUB_HUB=" + closedPort(t)}, {"HUB_HUB=nowhere"}, {"HUB_HUB=" + closedPort(t), "HUB_TOKEN=a b"}} {
		got := call{environment: environment}.run(t.Context(), "__complete", "tail", "")
		if got.code != exitOK || got.stdout != ":4\n" || strings.Contains(got.stderr, "hub: ") {
			t.Errorf("%v: %+v", environment, got)
		}
	}
}

func TestCompletionKnowsFourShells(t *testing.T) {
	for _, shell := range []string{"bash", "fish", "powershell", "zsh"} {
		got := call{}.run(t.Context(), "completion", shell)
		if got.code != exitOK || !strings.Contains(got.stdout, "__complete") {
			t.Errorf("%s: %+v", shell, got)
		}
	}
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}} {
		call{}.run(t.Context(), args...).want(t, exitUsage, "", "hub: completion needs a shell: bash, fish, powershell or zsh\nSee: hub completion --help\n")
	}
}
